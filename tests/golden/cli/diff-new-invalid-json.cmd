bulkhead diff small.yaml broken.yaml --json
