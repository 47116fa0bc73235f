-- Remove the tables of one generation.
DROP TABLE IF EXISTS {chunk}, {vector}, {section}, {term}, {orphan};
