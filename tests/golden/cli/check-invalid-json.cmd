bulkhead check --json broken.yaml
