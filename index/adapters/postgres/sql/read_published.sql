-- How far each source is searchable.
SELECT name, published_revision FROM source;
