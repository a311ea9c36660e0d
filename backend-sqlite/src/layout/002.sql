-- Do the numbers of a type's resources rise with their ids? Then a substring index gives its finds in list order.
-- Of resources that were numbered before anybody took care, nobody knows.
ALTER TABLE extent ADD COLUMN ordered INTEGER NOT NULL DEFAULT 0;
