/** The entry for programs that need the names of settings and none of the operations. */
export { AUTHENTICATION_POLICIES, type AuthenticationPolicy } from './ports/directory';
