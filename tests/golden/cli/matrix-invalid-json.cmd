bulkhead matrix broken.yaml --json
