export * from './errors';
export * from './item';
