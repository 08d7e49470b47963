import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, relative } from 'node:path';
import { READING_VOCABULARY, Tag } from '@holdfast/kmip';
import { HoldfastError, decodeXmlDocument } from '@holdfast/ttlv';
import { wrongUse } from '../exit';
import { corrected } from './errata';
import { expectationOf, isVariable, placeholder } from './expectation';
import type { Exchange, TestCase } from './test-case';

/** The cases of one folder: they may build on each other, in this order. */
export interface CaseFolder {
  /** Relative to what was asked for; empty for that itself. */
  readonly path: string;
  readonly files: readonly string[];
}

/**
 * Reads a test case: RequestMessage and ResponseMessage in turn, in the XML encoding. KMIP Profiles 2.1 sections 4 and 5.4.
 * @throws HoldfastError InvalidMessage
 */
export function parseCase(name: string, xml: string): TestCase {
  const texts: string[] = [];
  const items = decodeXmlDocument(xml, READING_VOCABULARY, {
    substitute(value, _tag, type) {
      texts.push(value);
      return isVariable(value) ? placeholder(type) : value;
    },
  });
  const messages = items.map((item) => expectationOf(item, texts));
  const exchanges: Exchange[] = [];
  for (let at = 0; at < messages.length; at += 2) {
    const request = messages[at];
    const response = messages[at + 1];
    if (
      request?.kind !== 'structure' ||
      response?.kind !== 'structure' ||
      request.tag !== Tag.RequestMessage ||
      response.tag !== Tag.ResponseMessage
    ) {
      throw new HoldfastError('InvalidMessage', `message ${at + 1}: requests and responses do not alternate`);
    }
    exchanges.push({ request, response });
  }
  if (exchanges.length === 0) throw new HoldfastError('InvalidMessage', 'there is no message in it');
  return corrected({ name, exchanges });
}

/** @throws HoldfastError InvalidMessage, where the file cannot be read as a test case */
export async function readCase(path: string): Promise<TestCase> {
  let xml: string;
  try {
    xml = await readFile(path, 'utf8');
  } catch (cause) {
    throw new HoldfastError('InvalidMessage', 'the file cannot be read', { cause });
  }
  return parseCase(caseName(path), xml);
}

/** What a case is called: the name of its file without the ending. */
export function caseName(path: string): string {
  return basename(path, extname(path));
}

const naturally = new Intl.Collator('en', { numeric: true });

function matcher(filter: string): (name: string) => boolean {
  if (!/[*?]/.test(filter)) return (name) => name.startsWith(filter);
  const pattern = filter
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
  const expression = new RegExp(`^${pattern}$`);
  return (name) => expression.test(name);
}

/**
 * The test cases of a folder and those below it (or one file), each folder's in natural order of names.
 * @param filters beginnings of names, or patterns with * and ?; none means all
 * @throws CommandFailure wrong use, where there is none
 */
export async function findCases(path: string, filters: readonly string[]): Promise<readonly CaseFolder[]> {
  const isFile = await stat(path).then(
    (found) => found.isFile(),
    () => {
      throw wrongUse(`${path} does not exist, or may not be read by you`);
    },
  );
  const root = isFile ? dirname(path) : path;
  const files = isFile ? [path] : (await readdir(path, { recursive: true })).map((name) => join(path, name));
  const matches = filters.map(matcher);
  const byFolder = new Map<string, string[]>();
  for (const file of files.filter((name) => extname(name).toLowerCase() === '.xml')) {
    const name = caseName(file);
    if (matches.length > 0 && !matches.some((isMatch) => isMatch(name))) continue;
    const folder = relative(root, dirname(file));
    byFolder.set(folder, [...(byFolder.get(folder) ?? []), file]);
  }
  if (byFolder.size === 0) {
    throw wrongUse(
      `there is no test case${filters.length === 0 ? '' : ` ${filters.join(' or ')}`} in ${path}`,
    );
  }
  return [...byFolder]
    .sort(([one], [other]) => naturally.compare(one, other))
    .map(([folder, found]) => ({
      path: folder,
      files: found.sort((one, other) => naturally.compare(one, other)),
    }));
}
