bulkhead check nowhere.yaml
