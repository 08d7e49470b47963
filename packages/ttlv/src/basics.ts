/** The entry for programs that read no messages. */
export * from './errors';
export * from './secret';
