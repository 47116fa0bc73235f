-- The chunks of its section before and after each of some chunks.
-- Returns: a row per chunk whose page is at the same revision still; what it said before is gone with the other ones.
SELECT source.name, c.path, c.ordinal,
       ARRAY(SELECT near.text FROM {chunk} near
              WHERE near.source_id = p.source_id AND near.path = p.path AND near.section = c.section
                AND near.ordinal BETWEEN c.ordinal - %(around)s AND c.ordinal - 1 ORDER BY near.ordinal) AS before,
       ARRAY(SELECT near.text FROM {chunk} near
              WHERE near.source_id = p.source_id AND near.path = p.path AND near.section = c.section
                AND near.ordinal BETWEEN c.ordinal + 1 AND c.ordinal + %(around)s ORDER BY near.ordinal) AS after
  FROM unnest(%(sources)s::text[], %(paths)s::text[], %(ordinals)s::int[], %(sections)s::int[], %(revisions)s::bigint[])
       AS c (name, path, ordinal, section, revision)
  JOIN source ON source.name = c.name
  JOIN page_state p ON p.generation = %(generation)s AND p.source_id = source.source_id AND p.path = c.path
       AND p.revision = c.revision AND NOT p.is_deleted;
