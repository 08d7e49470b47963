import { startServerProcess, type ServerProcess } from '@holdfast/testkit';
import { barbican } from './barbican';
import { cephCsi } from './ceph-csi';
import { fortiGate } from './fortigate';
import { libmongocrypt } from './libmongocrypt';
import { perconaMongoDb } from './percona-mongodb';
import { perconaMySql } from './percona-mysql';
import { pgTde } from './pg-tde';
import { scality } from './scality';
import { Site } from './site';
import { synology } from './synology';
import { vast } from './vast';
import { vCenter } from './vcenter';

/**
 * The dialogues of products that are in use, with what each of them is known to stumble over. Every answer must be in the
 * version of its request and use no word that came later (Peer sees to that).
 */

let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess({ arguments: ['--https-listen', '127.0.0.1:0'] });
});
afterAll(() => server.stop());

describe.each([
  ['vCenter', vCenter],
  ['libmongocrypt', libmongocrypt],
  ['Percona Server for MongoDB', perconaMongoDb],
  ['pg_tde', pgTde],
  ['Percona Server for MySQL', perconaMySql],
  ['FortiGate', fortiGate],
  ['Synology DSM', synology],
  ['VAST Data', vast],
  ['Scality cloudserver', scality],
  ['ceph-csi', cephCsi],
  ['Barbican', barbican],
] as const)('%s', (product, dialogue) => {
  dialogue(new Site(product.replaceAll(' ', '-'), () => server));
});

test('none of it was an error to the server', () => {
  expect(server.log()).not.toMatch(/"level":"(?:error|fatal)"/);
});
