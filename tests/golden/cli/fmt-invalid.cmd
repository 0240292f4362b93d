bulkhead fmt broken.yaml
