-- Bring a page to a plan in one step: move it from revision based_on to revision, locking its row until commit, and bring
-- its sections, terms and chunks to the plan's. Where the claim fails nothing is written: all else hangs on its row, and
-- who has it finds the page as it was planned against, since a page's rows change with its revision alone.
-- Uniqueness of section ordinals is checked at commit. Arrays and ARRAY(SELECT ...) in place of joins keep the plan the
-- same for small pages and large.
-- Returns: the source's number when claimed; none when another writer got there first, or there is no such source.
WITH claimed AS (
    INSERT INTO page_state (generation, source_id, path, revision, is_deleted, url, title, format, blob, commit,
                            committed_at)
    SELECT %(generation)s, source_id, %(path)s, %(revision)s, %(is_deleted)s, %(url)s, %(title)s, %(format)s, %(blob)s,
           %(commit)s, %(committed_at)s::timestamptz
      FROM source WHERE name = %(source)s
    ON CONFLICT (generation, source_id, path) DO UPDATE
       SET revision = excluded.revision, is_deleted = excluded.is_deleted, url = excluded.url, title = excluded.title,
           format = excluded.format, blob = excluded.blob, commit = excluded.commit,
           committed_at = excluded.committed_at, indexed_at = now()
     WHERE page_state.revision = %(based_on)s::bigint AND page_state.revision < excluded.revision
    RETURNING source_id
), gone AS (
    DELETE FROM {section}
     WHERE source_id = (SELECT source_id FROM claimed) AND path = %(path)s AND NOT ordinal = ANY (%(kept)s)
    RETURNING section_id
), unsaid AS (
    DELETE FROM {term} WHERE section_id = ANY (ARRAY(SELECT section_id FROM gone))
), moved AS (
    UPDATE {section} SET ordinal = move.new
      FROM unnest(%(moved_old)s, %(moved_new)s) AS move (old, new)
     WHERE source_id = (SELECT source_id FROM claimed) AND path = %(path)s AND ordinal = move.old
), fresh AS (
    INSERT INTO {section} (source_id, path, ordinal, digest, heading, heading_path, anchor)
    SELECT source_id, %(path)s, ordinal, digest, heading, (%(heading_paths)s)[path_first:path_last], anchor
      FROM claimed, unnest(%(section_ordinals)s, %(digests)s, %(headings)s, %(path_firsts)s, %(path_lasts)s, %(anchors)s)
                 AS given (ordinal, digest, heading, path_first, path_last, anchor)
    RETURNING section_id, ordinal
), said AS (
    INSERT INTO {term} (term, source_id, section_id, piece, title, heading, path, body, length)
    SELECT term, source_id, (ARRAY(SELECT section_id FROM fresh ORDER BY ordinal))[place], piece, title, heading, path,
           body, length
      FROM claimed, unnest(%(terms)s, %(term_places)s, %(term_pieces)s, %(in_titles)s, %(in_headings)s, %(in_paths)s,
                           %(in_bodies)s, %(lengths)s)
                 AS given (term, place, piece, title, heading, path, body, length)
), written AS (
    INSERT INTO {chunk} (source_id, path, ordinal, section, text, text_hash, shown)
    SELECT source_id, %(path)s, ordinal, section, text, text_hash, shown
      FROM claimed, unnest(%(chunk_ordinals)s, %(chunk_sections)s, %(texts)s, %(text_hashes)s, %(shown)s)
                 AS given (ordinal, section, text, text_hash, shown)
    ON CONFLICT (source_id, path, ordinal) DO UPDATE
       SET section = excluded.section, text = excluded.text, text_hash = excluded.text_hash, shown = excluded.shown
), cut AS (
    DELETE FROM {chunk}
     WHERE source_id = (SELECT source_id FROM claimed) AND path = %(path)s AND ordinal >= %(chunk_count)s
)
SELECT source_id FROM claimed;
