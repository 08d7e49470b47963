export * from './errors';
export * from './item';
export * from './secret';
