"""Safe decoding of images, sounds and videos in bounded workers."""
