/** The entry for programs that set an HSM up and look after it: no server need run. */
export { TokenKeeper, type RootKeyFacts, type SelfTestStep, type TokenFacts } from '@holdfast/hsm';
