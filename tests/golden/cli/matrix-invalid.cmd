bulkhead matrix broken.yaml
