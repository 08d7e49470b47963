import type { Command, Option } from 'commander';

/** What the option is set to nothing by. */
export interface EmptyOption {
  readonly option: Option;
  /** Whether an environment variable did that, rather than the command line. */
  readonly isVariable: boolean;
}

/**
 * The first option that is given as nothing, by a variable of the shell that is not set most likely: what it names would be
 * another one, such as the folder one is in.
 * @param mayBeEmpty options for which nothing is a value like others
 */
export function emptyOption(
  command: Command,
  mayBeEmpty: (option: Option) => boolean = () => false,
): EmptyOption | undefined {
  for (const option of command.options) {
    const name = option.attributeName();
    const source = command.getOptionValueSource(name);
    const values = [command.getOptionValue(name) as unknown].flat();
    if (source === 'default' || mayBeEmpty(option) || !values.includes('')) continue;
    return { option, isVariable: source === 'env' };
  }
  return undefined;
}
