-- The execution providers that a track was given to, in order, with commas between; the last one has it now.
ALTER TABLE tracks ADD COLUMN providers TEXT NOT NULL DEFAULT '';
