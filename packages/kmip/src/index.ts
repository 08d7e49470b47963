export * from './schema';
export * from './versions/dialect';
export * from './vocabulary/enumerations';
export * from './vocabulary/masks';
export * from './vocabulary/tables';
export * from './vocabulary/tags';
