import type { OperationDefinition } from '../operation';
import { activate } from './activate';
import { addAttribute } from './add-attribute';
import { check } from './check';
import { create } from './create';
import { createKeyPair } from './create-key-pair';
import { deleteAttribute } from './delete-attribute';
import { destroy } from './destroy';
import { discoverVersions } from './discover-versions';
import { get } from './get';
import { getAttributeList } from './get-attribute-list';
import { getAttributes } from './get-attributes';
import { locate } from './locate';
import { modifyAttribute } from './modify-attribute';
import { query } from './query';
import { reKey } from './re-key';
import { register } from './register';
import { revoke } from './revoke';
import { rngRetrieve } from './rng-retrieve';
import { setAttribute } from './set-attribute';

/** Every operation that this server has, in the order of their codes. */
export const operations: readonly OperationDefinition[] = [
  create,
  createKeyPair,
  register,
  reKey,
  locate,
  check,
  get,
  getAttributes,
  getAttributeList,
  addAttribute,
  modifyAttribute,
  deleteAttribute,
  activate,
  revoke,
  destroy,
  query,
  discoverVersions,
  rngRetrieve,
  setAttribute,
];

export {
  activate,
  addAttribute,
  check,
  create,
  createKeyPair,
  deleteAttribute,
  destroy,
  discoverVersions,
  get,
  getAttributeList,
  getAttributes,
  locate,
  modifyAttribute,
  query,
  reKey,
  register,
  revoke,
  rngRetrieve,
  setAttribute,
};
