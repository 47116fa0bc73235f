-- Some vectors of a generation, those of the smallest hashes: as good as random, and the same each time.
SELECT embedding FROM {vector} ORDER BY text_hash LIMIT %(sample)s;
