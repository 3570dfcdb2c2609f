set -eu
/usr/lib/jvm/java-17-openjdk-amd64/bin/javac -d "$BUILD/classes" Service.java
