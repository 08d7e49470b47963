import Sequencer from '@jest/test-sequencer';

/**
 * The longest first, where jest knows from earlier runs how long they take. Where it does not, it goes by the size of files,
 * which says little of those that start servers: they come first, and those of packages fill the end on all processors.
 */
export default class ServersFirst extends Sequencer {
  sort(tests) {
    const sorted = super.sort(tests);
    if (sorted.every(({ duration }) => duration !== undefined)) return sorted;
    const isOfPackage = ({ path, context }) => path.startsWith(`${context.config.rootDir}/packages/`);
    return [...sorted.filter((test) => !isOfPackage(test)), ...sorted.filter(isOfPackage)];
  }
}
