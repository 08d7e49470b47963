import { Command, Argument } from 'commander';

/** A command and what may follow it. */
interface Place {
  /** The words that lead to it, with the program's own name first. */
  readonly words: readonly string[];
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly Flag[];
  /** Whether a word that begins like no option can be a file. */
  readonly takesFiles: boolean;
}

/** Arguments that name a file or a folder. */
const FILE_ARGUMENT = /^(?:files?|dir|share)$/;

interface Flag {
  readonly flag: string;
  readonly description: string;
  /** Whether a value follows it. */
  readonly hasValue: boolean;
  /** What the value can be; of other values nothing is known but that they may be files. */
  readonly choices: readonly string[];
}

function placesOf(command: Command, words: readonly string[]): Place[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command).filter((child) => child.name() !== 'help');
  const place: Place = {
    words,
    commands: commands.map((child) => ({
      name: child.name(),
      description: help.subcommandDescription(child),
    })),
    options: help
      .visibleOptions(command)
      .flatMap(({ long, description, required, argChoices = [] }) =>
        long === undefined ? [] : [{ flag: long, description, hasValue: required, choices: argChoices }],
      ),
    takesFiles: command.registeredArguments.some((argument) => FILE_ARGUMENT.test(argument.name())),
  };
  return [place, ...commands.flatMap((child) => placesOf(child, [...words, child.name()]))];
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Shell lines that find out which command has been typed, from the words of an array. */
function walk(places: readonly Place[], word: string): string {
  const nested = places.filter(({ words }) => words.length > 1);
  const cases = nested.map(({ words }) => `      ${quoted(words.join(' '))}) ;;`).join('\n');
  return `    case "$place ${word}" in\n${cases}\n      *) continue ;;\n    esac\n    place="$place ${word}"`;
}

/** A shell line that takes the options away again where a file is what comes next. */
function filesCase(places: readonly Place[], word: string, nothing: string): string {
  const patterns = places.filter(({ takesFiles }) => takesFiles).map(({ words }) => quoted(words.join(' ')));
  return `    ${patterns.join('|')}) [[ "${word}" == -* ]] || candidates=${nothing} ;;`;
}

/** Shell lines that set `candidates` to what the value of the option before can be, where it has one. */
function valueCases(places: readonly Place[], list: (words: readonly string[]) => string): string {
  return places
    .flatMap(({ words, options }) => {
      const valued = options.filter(({ hasValue }) => hasValue);
      const chosen = valued.filter(({ choices }) => choices.length > 0);
      const others = valued.filter((each) => !chosen.includes(each)).map(({ flag }) => flag);
      const cases = chosen.map(({ flag, choices }) => `${flag}) candidates=${list(choices)} ;;`);
      const files = others.length === 0 ? [] : [`${others.join('|')}) candidates=${list([])} ;;`];
      const all = [...cases, ...files].join(' ');
      return all === '' ? [] : [`    ${quoted(words.join(' '))}) case "$before" in ${all} esac ;;`];
    })
    .join('\n');
}

function bash(name: string, places: readonly Place[]): string {
  const cases = places.map(({ words, commands, options }) => {
    const all = [...commands.map((each) => each.name), ...options.map(({ flag }) => flag)];
    return `    ${quoted(words.join(' '))}) candidates=${quoted(all.join(' '))} ;;`;
  });
  return `_${name}() {
  local place=${name} before="\${COMP_WORDS[COMP_CWORD - 1]}" candidates i
  for ((i = 1; i < COMP_CWORD; i++)); do
${walk(places, '${COMP_WORDS[i]}')}
  done
  case "$place" in
${cases.join('\n')}
  esac
  case "$place" in
${filesCase(places, '${COMP_WORDS[COMP_CWORD]}', "''")}
  esac
  case "$place" in
${valueCases(places, (words) => quoted(words.join(' ')))}
  esac
  COMPREPLY=($(compgen -W "$candidates" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _${name} ${name}
`;
}

function zsh(name: string, places: readonly Place[]): string {
  const entry = (label: string, description: string): string =>
    quoted(`${label}:${description.replaceAll('\\', '\\\\').replaceAll(':', '\\:')}`);
  const cases = places.map(({ words, commands, options }) => {
    const all = [
      ...commands.map((each) => entry(each.name, each.description)),
      ...options.map(({ flag, description }) => entry(flag, description)),
    ];
    return `    ${quoted(words.join(' '))}) candidates=(${all.join(' ')}) ;;`;
  });
  return `#compdef ${name}
_${name}() {
  local place=${name} before=\${words[CURRENT - 1]} i
  local -a candidates
  for ((i = 2; i < CURRENT; i++)); do
${walk(places, '${words[i]}')}
  done
  case "$place" in
${cases.join('\n')}
  esac
  case "$place" in
${filesCase(places, '${words[CURRENT]}', '()')}
  esac
  case "$place" in
${valueCases(places, (words) => `(${words.map(quoted).join(' ')})`)}
  esac
  _describe ${name} candidates || _files
}
if [[ $funcstack[1] == _${name} ]]; then
  _${name}
else
  compdef _${name} ${name}
fi
`;
}

function valueOf(hasValue: boolean, choices: readonly string[]): string {
  if (!hasValue) return '';
  return choices.length === 0 ? ' -r' : ` -x -a ${quoted(choices.join(' '))}`;
}

/** Its place is found out as by `walk`: a command may have the name of another one elsewhere. */
function fish(name: string, places: readonly Place[]): string {
  const at = `__${name}_at`;
  const nested = places.filter(({ words }) => words.length > 1).map(({ words }) => quoted(words.join(' ')));
  const lines = places.flatMap(({ words, commands, options }) => {
    const condition = quoted([at, ...words].join(' '));
    return [
      ...commands.map(
        (each) => `complete -c ${name} -f -n ${condition} -a ${each.name} -d ${quoted(each.description)}`,
      ),
      ...options.map(
        ({ flag, description, hasValue, choices }) =>
          `complete -c ${name} -n ${condition} -l ${flag.slice(2)}${valueOf(hasValue, choices)} -d ${quoted(description)}`,
      ),
    ];
  });
  return `function ${at}
  set -l words (commandline -opc)
  set -l place ${name}
  set -e words[1]
  for word in $words
    contains -- "$place $word" ${nested.join(' ')}; and set place "$place $word"
  end
  test "$place" = "$argv"
end
${lines.join('\n')}
`;
}

const SHELLS = { bash, zsh, fish } as const;

/** `completion`: prints what a shell needs to complete the words of a program. */
export function completionCommand(program: Command): Command {
  const name = program.name();
  return new Command('completion')
    .description('Print a script with which a shell completes commands and options.')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SHELLS)))
    .addHelpText(
      'after',
      `
Examples:
  $ source <(${name} completion bash)
  $ ${name} completion zsh > "\${fpath[1]}/_${name}"
  $ ${name} completion fish > ~/.config/fish/completions/${name}.fish
`,
    )
    .action((shell: keyof typeof SHELLS) => {
      process.stdout.write(SHELLS[shell](name, placesOf(program, [name])));
    });
}
