import { readFileSync, writeFileSync } from 'node:fs';

const LOOK_EVERY_MS = 20;
const CHILDREN = `/proc/${process.pid}/task/${process.pid}/children`;

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // The process has ended.
    return '';
  }
}

/** The most memory that processes have held (Linux: VmHWM, resident), from now on. */
export class PeakMemory {
  /** What they hold at the beginning, bytes. */
  readonly before: number;
  readonly #timer: NodeJS.Timeout;
  #peakBytes = 0;

  /** @param pids asked for again and again: processes may come later */
  constructor(private readonly pids: () => readonly number[]) {
    for (const pid of pids()) writeFileSync(`/proc/${pid}/clear_refs`, '5');
    this.#look();
    this.before = this.#peakBytes;
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  /** Of the command of ours that is run next, by its second word. */
  static ofCommand(word: string): PeakMemory {
    const isIt = (pid: number): boolean => textOf(`/proc/${pid}/cmdline`).split('\0').includes(word);
    return new PeakMemory(() => textOf(CHILDREN).trim().split(' ').map(Number).filter(isIt));
  }

  #look(): void {
    for (const pid of this.pids()) {
      const [, kibibytes = '0'] = /^VmHWM:\s+(\d+) kB$/m.exec(textOf(`/proc/${pid}/status`)) ?? [];
      this.#peakBytes = Math.max(this.#peakBytes, Number(kibibytes) * 1024);
    }
  }

  /** @returns bytes */
  stop(): number {
    clearInterval(this.#timer);
    this.#look();
    return this.#peakBytes;
  }
}
