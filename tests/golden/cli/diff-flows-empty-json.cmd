bulkhead diff small.yaml wider.yaml --flows /dev/null --json
