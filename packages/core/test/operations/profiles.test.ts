import { Operation, ProfileName, emptyStructure, type OperationName } from '@holdfast/kmip';
import { operation } from '../../src/operation';
import { satisfiedProfiles } from '../../src/operations/profiles';

/** Operations of these names; what they do does not matter to Query. */
function catalogueOf(names: readonly OperationName[]) {
  return names.map((name) =>
    operation({
      name,
      code: Operation[name],
      window: {},
      section: {},
      request: emptyStructure,
      response: emptyStructure,
      access: undefined,
      reasons: [],
      execute: () => ({}),
    }),
  );
}

const ALL = Object.keys(Operation) as OperationName[];

function namesOf(operations: readonly OperationName[], servesHttps = false): readonly number[] {
  return satisfiedProfiles(catalogueOf(operations), { servesHttps }).map(({ profileName }) => profileName);
}

describe('profiles', () => {
  test('are all satisfied by a server of all operations, under the names of every version', () => {
    const names = namesOf(ALL);
    expect(names).toContain(ProfileName.BaselineServer);
    expect(names).toContain(ProfileName.RNGCryptographicServer);
    expect(names).toContain(ProfileName.BaselineServerTLSV1_2KMIPV1_2);
    expect(names).toContain(ProfileName.TapeLibraryServerKMIPV1_0);
    expect(names).toContain(ProfileName.AdvancedCryptographicServerKMIPV1_4);
    expect(new Set(names).size).toBe(names.length);
  });

  test('are never those of clients', () => {
    for (const [key, value] of Object.entries(ProfileName)) {
      if (key.includes('Client')) expect(namesOf(ALL, true)).not.toContain(value);
    }
  });

  test('of HTTPS, XML and JSON are claimed where HTTPS is served', () => {
    for (const name of [ProfileName.HTTPSServer, ProfileName.XMLServer, ProfileName.JSONServerKMIPV1_3]) {
      expect(namesOf(ALL)).not.toContain(name);
      expect(namesOf(ALL, true)).toContain(name);
    }
  });

  test('are not claimed by a server without an operation of the baseline', () => {
    expect(namesOf(ALL.filter((name) => name !== 'Get'))).toEqual([]);
  });

  test('of 2.x are not claimed by a server without what 2.x adds', () => {
    const names = namesOf(ALL.filter((name) => name !== 'SetEndpointRole'));
    expect(names).not.toContain(ProfileName.BaselineServer);
    expect(names).toContain(ProfileName.BaselineServerBasicKMIPV1_4);
  });

  test('are claimed one by one', () => {
    const names = namesOf(ALL.filter((name) => name !== 'RNGSeed'));
    expect(names).toContain(ProfileName.BaselineServer);
    expect(names).not.toContain(ProfileName.RNGCryptographicServer);
    expect(names).toContain(ProfileName.PKCS_11Server);
    expect(namesOf(ALL.filter((name) => name !== 'PKCS_11'))).not.toContain(ProfileName.PKCS_11Server);
  });
});
