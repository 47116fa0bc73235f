-- Lock a source's row while `revision` is its newest. Returns: its number, or none when a newer sync has begun.
SELECT source_id FROM source WHERE name = %(source)s AND revision = %(revision)s FOR UPDATE;
