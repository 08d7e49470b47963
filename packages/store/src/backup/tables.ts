/**
 * The tables of which a backup holds the rows, those first to which others refer. What is not here is made anew: the wrapped
 * domain keys, the root key's check value, the record of migrations, and what Locate searches. What clients were still to be
 * told is left out.
 */
export const BACKED_UP_TABLES = [
  'domain',
  'client',
  'authority',
  'credential',
  'officer',
  'server_secret',
  'kmip_user',
  'ticket',
  'asynchronous_request',
  'hsm_key',
  'custody_copy',
  'approval',
  'object',
  'object_name',
  'object_projection',
  'change_record',
  'audit_record',
  'audit_batch',
  'audit_checkpoint',
  'audit_archive',
] as const;
