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

describe('profiles', () => {
  test('are all satisfied by a server of all operations', () => {
    const names = satisfiedProfiles(catalogueOf(ALL)).map(({ profileName }) => profileName);
    expect(names).toContain(ProfileName.BaselineServer);
    expect(names).toContain(ProfileName.RNGCryptographicServer);
  });

  test.each(['Get', 'Notify', 'SetEndpointRole'] as const)(
    'are not claimed by a server without %s',
    (missing) => {
      expect(satisfiedProfiles(catalogueOf(ALL.filter((name) => name !== missing)))).toEqual([]);
    },
  );

  test('are claimed one by one', () => {
    const names = satisfiedProfiles(catalogueOf(ALL.filter((name) => name !== 'RNGSeed'))).map(
      ({ profileName }) => profileName,
    );
    expect(names).toContain(ProfileName.BaselineServer);
    expect(names).not.toContain(ProfileName.RNGCryptographicServer);
  });
});
