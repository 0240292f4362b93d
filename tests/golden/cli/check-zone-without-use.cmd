sed s,Europe/Berlin,right/Europe/Berlin, zoned.yaml | bulkhead check -; sed s,Europe/Berlin,leapseconds, zoned.yaml | bulkhead check -; sed s,Europe/Berlin,Europe, zoned.yaml | bulkhead check -
