bulkhead fmt nowhere.yaml
