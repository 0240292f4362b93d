bulkhead check --json warned.yaml
