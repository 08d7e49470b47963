/**
 * Objects that are archived or destroyed are found without the others. Projections that older programs wrote have fewer terms, and are
 * known by their first one: they are found apart until they are written anew. (IS_OUTDATED of objects/terms.ts.)
 */
export const locate = `
CREATE INDEX object_projection_away ON object_projection (domain_id, storage) WHERE storage <> 0;
CREATE INDEX object_projection_outdated ON object_projection (domain_id, internal_id)
  WHERE CASE WHEN terms[1] & 4294967295 = 1212559410 THEN 1 ELSE 0 END = 0;
`;
