sed s,Europe/Berlin,europe/berlin, zoned.yaml | bulkhead check -; sed s,Europe/Berlin,Middle/Earth, zoned.yaml | bulkhead check -; sed s,Europe/Berlin,localtime, zoned.yaml | bulkhead check -
