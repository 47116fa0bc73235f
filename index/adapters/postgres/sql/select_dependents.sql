-- Pages made of any of the target files.
SELECT DISTINCT path FROM depends
 WHERE source_id = (SELECT source_id FROM source WHERE name = %(source)s) AND target = ANY(%(targets)s::text[]);
