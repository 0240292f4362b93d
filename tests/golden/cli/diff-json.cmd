bulkhead diff small.yaml wider.yaml --json
