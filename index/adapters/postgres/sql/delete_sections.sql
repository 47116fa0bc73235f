-- Remove all sections of a page, with their terms.
WITH gone AS (
    DELETE FROM {section} WHERE source_id = %(source_id)s AND path = %(path)s RETURNING section_id
)
DELETE FROM {term} WHERE section_id = ANY (ARRAY(SELECT section_id FROM gone));
