-- How far a source is. Returns: one row, or none for a source never heard of.
SELECT revision, published_revision, published_commit, config_hash FROM source WHERE name = %(source)s;
