/** The entry for programs that need the names of the versions and nothing of the vocabulary. */
export { VERSION_NAMES, type VersionName } from './versions/dialect';
