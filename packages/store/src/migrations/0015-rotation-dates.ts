/** When the server is to rotate an object by itself. What is there already is looked at once nodes serve. */
export const rotationDates = `
ALTER TABLE object_projection ADD COLUMN rotation_date bigint;
CREATE INDEX object_projection_rotation_date ON object_projection (rotation_date, internal_id)
  WHERE rotation_date IS NOT NULL;
`;
