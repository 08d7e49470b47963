import {
  CryptographicUsageMask,
  LinkType,
  NameType,
  ObjectType,
  State,
  type Attribute,
} from '@holdfast/kmip';
import { locateFilters } from '../../src/operations/locate';
import { refusal } from '../refusal';

describe('the conditions of Locate', () => {
  test('one value of a date is that time, two are the ends of a range in either order', () => {
    const activation = (value: number): Attribute => ({ key: 'ActivationDate', value });
    expect(locateFilters([activation(5)])).toEqual([
      { kind: 'range', key: 'ActivationDate', from: 5, to: 5 },
    ]);
    const range = [{ kind: 'range', key: 'ActivationDate', from: 5, to: 9 }];
    expect(locateFilters([activation(5), activation(9)])).toEqual(range);
    expect(locateFilters([activation(9), activation(5)])).toEqual(range);
    expect(refusal(() => locateFilters([activation(1), activation(2), activation(3)]))).toBe('InvalidField');
  });

  test('dates of different attributes do not make a range', () => {
    expect(
      locateFilters([
        { key: 'ActivationDate', value: 1 },
        { key: 'DeactivationDate', value: 2 },
      ]),
    ).toHaveLength(2);
  });

  test('a mask asks for its bits, State for the state of now, all else for equality', () => {
    const name: Attribute = { key: 'Name', value: { nameValue: 'n', nameType: NameType.URI } };
    const link: Attribute = {
      key: 'Link',
      value: { linkType: LinkType.NextLink, linkedObjectIdentifier: 'two' },
    };
    expect(
      locateFilters([
        name,
        { key: 'CryptographicUsageMask', value: CryptographicUsageMask.Encrypt },
        { key: 'State', value: State.Active },
        { key: 'ObjectType', value: ObjectType.SymmetricKey },
        { key: 'LeaseTime', value: 3600 },
        link,
      ]),
    ).toEqual([
      { kind: 'equals', attribute: name },
      { kind: 'bits', key: 'CryptographicUsageMask', bits: CryptographicUsageMask.Encrypt },
      { kind: 'state', state: State.Active },
      { kind: 'equals', attribute: { key: 'ObjectType', value: ObjectType.SymmetricKey } },
      { kind: 'equals', attribute: { key: 'LeaseTime', value: 3600 } },
      { kind: 'equals', attribute: link },
    ]);
  });

  test('nothing asked is no condition', () => {
    expect(locateFilters([])).toEqual([]);
  });
});
