-- Remove a page's sections that are not kept, with their terms.
WITH gone AS (
    DELETE FROM {section}
     WHERE source_id = %(source_id)s AND path = %(path)s AND NOT ordinal = ANY(%(kept)s::int[])
    RETURNING section_id
)
DELETE FROM {term} USING gone WHERE {term}.section_id = gone.section_id;
