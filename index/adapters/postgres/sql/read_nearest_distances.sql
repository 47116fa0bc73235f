-- The distances of the vectors nearest to one, nearest first; by the index or exactly, as the planner is told.
SELECT embedding <=> %(vector)s::vector AS distance FROM {vector} ORDER BY embedding <=> %(vector)s::vector LIMIT %(limit)s;
