-- One of everything that makes backups of MySQL go wrong, for MariaDB 10.11 and MySQL 8 and newer.
-- Blanks stand in table names only: RDS exports skip a table with a blank in a column's name, rightly making a point
-- partial. https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.html

SET NAMES utf8mb4;
CREATE DATABASE zoo CHARACTER SET utf8mb4;
USE zoo;

-- Numbers at both ends of their ranges. -----------------------------------------------------------------------------
CREATE TABLE numbers (
  id INT AUTO_INCREMENT PRIMARY KEY,
  tiny TINYINT, tiny_unsigned TINYINT UNSIGNED,
  small SMALLINT, small_unsigned SMALLINT UNSIGNED,
  medium MEDIUMINT, medium_unsigned MEDIUMINT UNSIGNED,
  plain INT, plain_unsigned INT UNSIGNED,
  big BIGINT, big_unsigned BIGINT UNSIGNED,
  yes_or_no BOOLEAN,
  money DECIMAL(19, 4), widest DECIMAL(65, 30), whole DECIMAL(20, 0),
  single_precision FLOAT, double_precision DOUBLE,
  one_bit BIT(1), bits BIT(64)
);
INSERT INTO numbers VALUES
  (1, -128, 0, -32768, 0, -8388608, 0, -2147483648, 0, -9223372036854775808, 0, FALSE,
   -999999999999999.9999, -99999999999999999999999999999999999.999999999999999999999999999999, -99999999999999999999,
   -3.5e37, -1.7976931348623157e308, b'0', b'0'),
  (2, 127, 255, 32767, 65535, 8388607, 16777215, 2147483647, 4294967295, 9223372036854775807, 18446744073709551615, TRUE,
   999999999999999.9999, 99999999999999999999999999999999999.999999999999999999999999999999, 99999999999999999999,
   3.5e37, 1.7976931348623157e308, b'1', b'1111111111111111111111111111111111111111111111111111111111111111'),
  (3, 0, 1, 0, 1, 0, 1, 0, 1, 0, 9223372036854775808, NULL,
   0.0001, 0.000000000000000000000000000001, 0, 1e-30, 2.2250738585072014e-308, NULL, b'101'),
  (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

-- Dates and times, with fractions, before 1970, and longer than a day. ----------------------------------------------
CREATE TABLE moments (
  id INT AUTO_INCREMENT PRIMARY KEY,
  a_date DATE, a_datetime DATETIME, precise DATETIME(6), coarse DATETIME(3),
  stamp TIMESTAMP NULL DEFAULT NULL, precise_stamp TIMESTAMP(6) NULL DEFAULT NULL,
  a_time TIME, precise_time TIME(6), a_year YEAR
);
INSERT INTO moments VALUES
  (1, '1000-01-01', '1000-01-01 00:00:00', '1000-01-01 00:00:00.000000', '1000-01-01 00:00:00.000',
   '1970-01-01 00:00:01', '1970-01-01 00:00:01.000000', '-838:59:59', '-838:59:59.000000', 1901),
  (2, '9999-12-31', '9999-12-31 23:59:59', '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59.999',
   '2038-01-19 03:14:07', '2038-01-19 03:14:07.999999', '838:59:59', '838:59:59.000000', 2155),
  (3, '2024-02-29', '2024-03-31 02:30:00', '2024-02-29 12:34:56.000001', '2024-02-29 12:34:56.001',
   '2024-10-27 00:30:00', '2024-10-27 01:30:00.123456', '00:00:00', '00:00:00.000001', 2024),
  (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

-- Text: every alphabet, quotes, line ends, the empty string, and more than 64 KiB. ------------------------------------
CREATE TABLE texts (
  id INT AUTO_INCREMENT PRIMARY KEY,
  fixed CHAR(10), variable VARCHAR(255), latin VARCHAR(50) CHARACTER SET latin1,
  exact VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  tiny TINYTEXT, plain TEXT, medium MEDIUMTEXT, large LONGTEXT
);
INSERT INTO texts VALUES
  (1, 'abc', 'Grüße, Ελλάδα, Россия, 日本語, العربية, עברית', 'déjà vu', 'Straße', '', 'ni\nnew\r\nlines\tand\ttabs', '', ''),
  (2, '', '🐘🦭 and 👩‍👩‍👧‍👦', 'ÿ', 'strasse', 'it''s "quoted", with `ticks`', 'back\\slash; -- no comment; # nor this; /* nor this */',
   REPEAT('é', 40000), REPEAT('0123456789abcdef', 20000)),
  (3, NULL, 'NULL', 'NA', 'null', '\\N', 'nil', REPEAT('🐘', 20000), REPEAT('ß', 300000)),
  (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

-- Bytes, with zeros in them and none at all. --------------------------------------------------------------------------
CREATE TABLE bytes (
  id INT AUTO_INCREMENT PRIMARY KEY,
  fixed BINARY(16), variable VARBINARY(255), tiny TINYBLOB, plain BLOB, medium MEDIUMBLOB, large LONGBLOB
);
INSERT INTO bytes VALUES
  (1, UNHEX('00112233445566778899AABBCCDDEEFF'), UNHEX('00'), UNHEX('FF'), UNHEX('0000'), REPEAT(UNHEX('00FF'), 50000),
   REPEAT(UNHEX('CAFEBABE'), 30000)),
  (2, UNHEX('80'), '', '', '', '', ''),
  (3, NULL, NULL, NULL, NULL, NULL, NULL);

-- Choices and documents. --------------------------------------------------------------------------------------------
CREATE TABLE choices (
  id INT AUTO_INCREMENT PRIMARY KEY,
  one ENUM('small', 'größer', 'it''s') NOT NULL DEFAULT 'small',
  several SET('a', 'b', 'c', 'd') DEFAULT NULL,
  document JSON
);
INSERT INTO choices VALUES
  (1, 'small', '', '{}'),
  (2, 'größer', 'a,c', '{"name": "Ωmega 🐘", "list": [1, 2.5, null, true], "quote": "\\"", "big": 18446744073709551615}'),
  (3, 'it''s', 'a,b,c,d', '[]'),
  (4, 'small', NULL, NULL);

-- Columns that the server computes, and a default of its own. ---------------------------------------------------------
CREATE TABLE computed (
  id INT AUTO_INCREMENT PRIMARY KEY,
  price DECIMAL(10, 2) NOT NULL,
  quantity INT UNSIGNED NOT NULL,
  total DECIMAL(20, 2) GENERATED ALWAYS AS (price * quantity) STORED,
  label VARCHAR(64) GENERATED ALWAYS AS (CONCAT(quantity, ' at ', price)) VIRTUAL,
  made_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)
);
INSERT INTO computed (price, quantity) VALUES (9.99, 3), (0, 0), (12345678.90, 4294967295);

-- Names that must be quoted. ------------------------------------------------------------------------------------------
CREATE TABLE `order` (`select` INT PRIMARY KEY, `group` VARCHAR(20), `from` DATE, `key` BIGINT, `table` TEXT);
INSERT INTO `order` VALUES (1, 'reserved', '2024-01-01', 1, 'words'), (2, NULL, NULL, NULL, NULL);
CREATE TABLE `table with blanks` (id INT PRIMARY KEY, note VARCHAR(20));
INSERT INTO `table with blanks` VALUES (1, 'one'), (2, 'two'), (3, 'three');
CREATE TABLE `größenübersicht` (`schlüssel` INT PRIMARY KEY, `größe` VARCHAR(20));
INSERT INTO `größenübersicht` VALUES (1, 'groß'), (2, 'größer');
CREATE TABLE `CamelCase-with.dots$` (id INT PRIMARY KEY);
INSERT INTO `CamelCase-with.dots$` VALUES (1);

-- Keys over several columns, references, partitions, a table without any key, duplicates. --------------------------------
CREATE TABLE composite (
  region CHAR(2) NOT NULL, number INT UNSIGNED NOT NULL, revision SMALLINT NOT NULL, note VARCHAR(20),
  PRIMARY KEY (region, number, revision), UNIQUE KEY by_note (note, region)
);
INSERT INTO composite VALUES ('eu', 1, 1, 'first'), ('eu', 1, 2, 'second'), ('us', 1, 1, 'first'), ('us', 4294967295, -1, NULL);
CREATE TABLE details (
  id BIGINT UNSIGNED PRIMARY KEY, region CHAR(2) NOT NULL, number INT UNSIGNED NOT NULL, revision SMALLINT NOT NULL,
  CONSTRAINT details_composite FOREIGN KEY (region, number, revision) REFERENCES composite (region, number, revision)
);
INSERT INTO details VALUES (18446744073709551615, 'eu', 1, 1), (0, 'us', 4294967295, -1);
CREATE TABLE partitioned (id INT NOT NULL, taken DATE NOT NULL, PRIMARY KEY (id, taken))
PARTITION BY RANGE (YEAR(taken)) (
  PARTITION before_2020 VALUES LESS THAN (2020), PARTITION since_2020 VALUES LESS THAN MAXVALUE
);
INSERT INTO partitioned VALUES (1, '2019-12-31'), (2, '2020-01-01'), (3, '2024-02-29');
CREATE TABLE keyless (a INT, b VARCHAR(10));
INSERT INTO keyless VALUES (1, 'same'), (1, 'same'), (NULL, NULL), (NULL, NULL);

-- Nothing, and almost nothing. ----------------------------------------------------------------------------------------
CREATE TABLE empty (id INT PRIMARY KEY, note TEXT);
CREATE TABLE `empty as well` (id INT);
CREATE TABLE one_null (only_column INT);
INSERT INTO one_null VALUES (NULL);

-- What is no table: must not be missed, must not be counted. ----------------------------------------------------------
CREATE VIEW totals AS SELECT id, total FROM computed;
CREATE VIEW `view with blanks` AS SELECT `select`, `group` FROM `order`;
DELIMITER //
CREATE PROCEDURE count_numbers()
BEGIN
  SELECT COUNT(*) FROM numbers;
END//
CREATE TRIGGER keep_note BEFORE INSERT ON `table with blanks` FOR EACH ROW
BEGIN
  SET NEW.note = COALESCE(NEW.note, 'none');
END//
DELIMITER ;

-- A database whose name must be quoted, too. --------------------------------------------------------------------------
CREATE DATABASE `group` CHARACTER SET utf8mb4;
CREATE TABLE `group`.`index` (`primary` INT PRIMARY KEY, `values` VARCHAR(20));
INSERT INTO `group`.`index` VALUES (1, 'a'), (2, 'b');
