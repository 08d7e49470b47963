import type { Actor } from '@holdfast/core';
import type { SealedShare } from '@holdfast/crypto';
import type { Administration } from './administration';
import type {
  AdminCall,
  AdminCalls,
  Done,
  ReshareRequest,
  StatusAnswer,
  UnsealAnswer,
} from './admin-protocol';
import type { ApprovalAdministration } from './approval-rules';
import type { Approvals } from './approvals';
import type { AuditAdministration } from './audit/administration';
import type { Recovery } from './escrow/recovery';
import type { Safekeeping } from './escrow/safekeeping';
import type { KeyRotation } from './key-rotation';
import type { RootMigration } from './root-migration';
import type { Upkeep } from './upkeep';
import type { UserAdministration } from './user-administration';

/** What the socket itself allows, given by the node. */
export interface NodeControl {
  status(): Promise<StatusAnswer>;
  /** Begins to drain; resolves at once. */
  drain(): void;
  isSealed(): boolean;
  unseal(share: SealedShare): Promise<UnsealAnswer>;
  seal(actor: Actor): Promise<void>;
  requireResharable(request: ReshareRequest): Promise<void>;
  reshare(request: ReshareRequest, actor: Actor): Promise<void>;
}

/** What administrative calls are about. */
export interface AdminServices {
  readonly administration: Administration;
  readonly users: UserAdministration;
  readonly upkeep: Upkeep;
  readonly safekeeping: Safekeeping;
  readonly recovery: Recovery;
  readonly approvals: Approvals;
  readonly rules: ApprovalAdministration;
  readonly keyRotation: () => KeyRotation;
  readonly rootMigration: () => RootMigration;
  readonly control: NodeControl;
  readonly audit: AuditAdministration;
}

export type Handlers = {
  readonly [C in AdminCall]: (
    body: AdminCalls[C]['request'],
    name: string,
    actor: Actor,
  ) => Promise<AdminCalls[C]['answer']>;
};

/** What is looked at before officers are asked: they need not decide on what cannot be done. */
export type Checks = {
  readonly [C in AdminCall]?: (body: AdminCalls[C]['request'], name: string) => unknown;
};

/** @throws HoldfastError as the calls do */
export function checksOf({
  administration,
  safekeeping,
  recovery,
  rules,
  keyRotation,
  rootMigration,
  control,
  audit,
}: Omit<AdminServices, 'approvals'>): Checks {
  const { authorities } = administration;
  return {
    'POST /approval-rules': (body) => rules.check(body),
    'POST /officers/:name/revoke': async (_body, name) =>
      administration.requireRevocable(name, await rules.officersNeeded()),
    'POST /domains/:name/settings': (body, name) => administration.requireDomainChangeable(name, body),
    'POST /clients/:name/settings': (body, name) => administration.requireClientChangeable(name, body),
    'POST /authorities': (body) => authorities.requireAddable(body.name, body.certificatePem),
    'POST /authorities/roll': (body) => authorities.requireRollable(body),
    'POST /authorities/:name/serve': (_body, name) => authorities.requireBuiltIn(name),
    'POST /authorities/:name/revoke': (_body, name) => authorities.requireRevocable(name),
    'POST /root/move': () => rootMigration().requireMovable(),
    'POST /root/retire': () => rootMigration().requireRetirable(),
    'POST /root/destroy': (body) => rootMigration().requireDestroyable(body),
    'POST /root/reshare': (body) => control.requireResharable(body),
    'POST /domain-keys/rotate': (body) => keyRotation().rotatable(body.domain),
    'POST /backup': (body) => safekeeping.requireBackupPossible(body),
    'POST /backup-operators': (body) => safekeeping.requireBackupPossible(body),
    'POST /escrow': (body) => safekeeping.chosenForEscrow(body),
    'POST /escrow/recover': (body) => recovery.requirePossible(body),
    'POST /audit/retention': (body) => audit.requireRetention(body),
    'POST /audit/archive': (body) => audit.requireArchivable(body.before),
  };
}

/** What carries each call out. */
export function handlersOf({
  administration,
  users,
  upkeep,
  safekeeping,
  recovery,
  approvals,
  rules,
  keyRotation,
  rootMigration,
  control,
  audit,
}: AdminServices): Handlers {
  const done: Done = { done: true };
  return {
    'GET /status': () => control.status(),
    'POST /drain': () => {
      control.drain();
      return Promise.resolve(done);
    },
    'POST /unseal': (body) => control.unseal(body),
    'POST /seal': async (_body, _name, actor) => {
      await control.seal(actor);
      return done;
    },
    'GET /domains': () => administration.listDomains(),
    'POST /domains': (body, _name, actor) => administration.addDomain(body.name, body.settings, actor),
    'POST /domains/:name/settings': (body, name, actor) => administration.changeDomain(name, body, actor),
    'GET /clients': () => administration.listClients(),
    'POST /clients': (body, _name, actor) => administration.addClient(body, actor),
    'POST /clients/:name/settings': (body, name, actor) => administration.changeClient(name, body, actor),
    'GET /users': () => users.listUsers(),
    'POST /users': (body, _name, actor) => users.addUser(body, actor),
    'POST /users/:name/password': async (body, name, actor) => {
      await users.changePassword(name, body.password, actor);
      return done;
    },
    'POST /users/:name/remove': async (_body, name, actor) => {
      await users.removeUser(name, actor);
      return done;
    },
    'GET /clients/:name': (_body, name) => administration.showClient(name),
    'POST /clients/:name/credentials': (body, name, actor) => administration.addCredential(name, body, actor),
    'POST /clients/:name/revoke': (body, name, actor) =>
      administration.revokeClient(name, body.credentialId, actor),
    'GET /authorities': () => administration.authorities.list(),
    'POST /authorities': (body, _name, actor) =>
      administration.authorities.add(body.name, body.certificatePem, actor),
    'POST /verification': (_body, _name, actor) => upkeep.startVerification(actor),
    'GET /verification': () => upkeep.verification(),
    'POST /backup': (body, _name, actor) => safekeeping.backup(body, actor),
    'POST /escrow': (body, _name, actor) => safekeeping.escrow(body, actor),
    'GET /copies': () => safekeeping.list(),
    'POST /copies/:name/confirm': (body, name, actor) => safekeeping.confirm(name, body.sha256, actor),
    'POST /escrow/compare': (body) => recovery.compare(body.objects),
    'POST /escrow/recover': (body, _name, actor) => recovery.recover(body, actor),
    'POST /escrow/import': (body, _name, actor) => recovery.import(body, actor),
    'GET /objects/digests': () => Promise.resolve(upkeep.objectDigests()),
    'GET /approvals': async () => approvals.list(await rules.domainNames()),
    'POST /approvals/:name/approve': async (_body, name, actor) =>
      approvals.vote(name, true, actor, await rules.domainNames()),
    'POST /approvals/:name/deny': async (_body, name, actor) =>
      approvals.vote(name, false, actor, await rules.domainNames()),
    'GET /approval-rules': () => rules.list(),
    'POST /approval-rules': (body, _name, actor) => rules.set(body, actor),
    'POST /reindex': (_body, _name, actor) => upkeep.reindex(actor),
    'POST /authorities/roll': (body, _name, actor) => administration.authorities.roll(body, actor),
    'GET /authorities/:name': (_body, name) => administration.authorities.show(name),
    'POST /authorities/:name/serve': (_body, name, actor) => administration.authorities.serve(name, actor),
    'GET /crl': () => administration.authorities.crl(undefined),
    'GET /authorities/:name/crl': (_body, name) => administration.authorities.crl(name),
    'POST /authorities/:name/revoke': async (_body, name, actor) => {
      await administration.authorities.revoke(name, actor);
      return done;
    },
    'GET /root': () => rootMigration().status(),
    'POST /root/move': (body, _name, actor) => rootMigration().move(body, actor),
    'POST /root/retire': (body, _name, actor) => rootMigration().retire(body.destroyFile === true, actor),
    'POST /root/destroy': async (body, _name, actor) => {
      await rootMigration().destroy(body, actor);
      return done;
    },
    'POST /root/cancel': (_body, _name, actor) => rootMigration().cancel(actor),
    'GET /domain-keys': () => keyRotation().status(),
    'GET /domain-keys/rotation': () => keyRotation().rotation(),
    'POST /domain-keys/rotate': (body, _name, actor) => keyRotation().rotate(body.domain, actor),
    'POST /root/reshare': async (body, _name, actor) => {
      await control.reshare(body, actor);
      return done;
    },
    'POST /audit/search': (body, _name, actor) => audit.search(body, actor),
    'POST /audit/export': (body, _name, actor) => audit.export(body, actor),
    'POST /audit/verification': (body, _name, actor) => audit.verify(body, actor),
    'GET /audit/retention': () => audit.retention(),
    'POST /audit/retention': (body, _name, actor) => audit.setRetention(body, actor),
    'GET /audit/archives': () => audit.archives(),
    'POST /audit/archive': (body, _name, actor) => audit.archive(body.before, actor),
    'POST /audit/archives/open': (body, _name, actor) => audit.openArchive(body, actor),
    'GET /audit/key': () => Promise.resolve(audit.key()),
    'GET /officers': () => administration.listOfficers('officer'),
    'POST /officers': (body, _name, actor) => administration.addOfficer(body.name, 'officer', actor),
    'POST /officers/:name/revoke': async (_body, name, actor) => {
      await administration.revokeOfficer(name, await rules.officersNeeded(), actor);
      return done;
    },
    'GET /auditors': () => administration.listOfficers('auditor'),
    'POST /auditors': (body, _name, actor) => administration.addOfficer(body.name, 'auditor', actor),
    'POST /auditors/:name/revoke': async (_body, name, actor) => {
      await administration.revokeFromRole(name, 'auditor', actor);
      return done;
    },
    'GET /backup-operators': () => administration.listOfficers('backup-operator'),
    'POST /backup-operators': async (body, _name, actor) => {
      safekeeping.requireBackupPossible(body);
      const credential = await administration.addOfficer(body.name, 'backup-operator', actor);
      await safekeeping.bindOperator(credential.officer, body, actor);
      return credential;
    },
    'POST /backup-operators/:name/revoke': async (_body, name, actor) => {
      await administration.revokeFromRole(name, 'backup-operator', actor);
      return done;
    },
  };
}
