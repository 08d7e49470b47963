import { Command } from 'commander';
import { inputBytes } from '../input';
import { encodingNamed, itemText, parseItems } from './text';

async function convert(file: string | undefined, { to }: { readonly to: string }): Promise<void> {
  const encoding = encodingNamed(to);
  const items = parseItems(await inputBytes(file === undefined ? {} : { file }, 'the message'));
  for (const item of items) process.stdout.write(`${itemText(item, encoding)}\n`);
}

function convertCommand(name: string, description: string, to: string, examples: readonly string[]): Command {
  return new Command(name)
    .description(description)
    .argument('[file]', 'XML, JSON, or TTLV as bytes or in hex (default: standard input)')
    .option('--to <encoding>', 'ttlv (in hex), xml or json', to)
    .addHelpText(
      'after',
      `
Nothing is sent. What comes out holds every value, keys and passwords too.

Examples:
${examples.map((example) => `  $ kmip ${example}\n`).join('')}`,
    )
    .action(convert);
}

/** `kmip encode` and `kmip decode`: one message in another encoding. KMIP Profiles 2.1 sections 5.4 and 5.5. */
export function convertCommands(): readonly Command[] {
  return [
    convertCommand('encode', 'Write a message, or a part of one, as TTLV in hex.', 'ttlv', [
      'encode request.xml',
      'encode --to json < request.xml',
    ]),
    convertCommand('decode', 'Show what TTLV says, as XML or JSON.', 'xml', [
      'decode capture.hex',
      'decode --to json < message.bin',
    ]),
  ];
}
