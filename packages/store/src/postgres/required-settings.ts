import { HoldfastError } from '@holdfast/ttlv';

/** Without these an acknowledged change could be lost or a page be torn. */
const REQUIRED_SETTINGS: Readonly<Record<string, readonly string[]>> = {
  fsync: ['on'],
  full_page_writes: ['on'],
  synchronous_commit: ['on', 'local', 'remote_write', 'remote_apply'],
  server_encoding: ['UTF8'],
};

/** Selects what a session has of them, as `name` and `setting`. */
export const SELECT_REQUIRED_SETTINGS = `SELECT name, current_setting(name) AS setting
  FROM unnest(ARRAY[${Object.keys(REQUIRED_SETTINGS)
    .map((name) => `'${name}'`)
    .join(', ')}]) AS name`;

/**
 * Checks that a session's database keeps what it acknowledges.
 * @param settings as SELECT_REQUIRED_SETTINGS brought them
 * @throws HoldfastError Configuration
 */
export function requireSettings(
  settings: readonly { readonly name: string; readonly setting: string }[],
): void {
  for (const { name, setting } of settings) {
    const allowed = REQUIRED_SETTINGS[name] ?? [];
    if (allowed.includes(setting)) continue;
    throw new HoldfastError(
      'Configuration',
      `the database has ${name} = ${setting}, where ${allowed.join(' or ')} is needed`,
    );
  }
}
