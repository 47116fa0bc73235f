-- Insert the term counts of sections that are new.
INSERT INTO {term} (term, source_id, section_id, title, heading, path, body, length)
SELECT term, %(source_id)s, section_id, title, heading, path, body, length
  FROM unnest(%(terms)s::text[], %(section_ids)s::int8[], %(titles)s::int2[], %(headings)s::int2[],
              %(paths)s::int2[], %(bodies)s::int2[], %(lengths)s::int4[])
    AS fresh (term, section_id, title, heading, path, body, length);
