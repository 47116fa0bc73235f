-- Keep everybody out of the tables of one generation until commit.
LOCK TABLE {chunk}, {vector}, {section}, {term}, {orphan} IN ACCESS EXCLUSIVE MODE;
