export { SOFTWARE_ROOT_FILE } from './root-key-file';
export {
  createSoftwareRoot,
  openSoftwareRoot,
  SOFTWARE_ROOT_WARNING,
  type SoftwareRootOptions,
} from './software-root';
