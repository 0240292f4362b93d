bulkhead check warned.yaml
