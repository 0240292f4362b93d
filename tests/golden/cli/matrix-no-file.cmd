bulkhead matrix nowhere.yaml
