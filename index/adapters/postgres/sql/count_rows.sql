-- How many chunks and vectors a generation has.
SELECT (SELECT count(*) FROM {chunk}), (SELECT count(*) FROM {vector});
